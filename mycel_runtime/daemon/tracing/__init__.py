"""
Deliveries as traces of OpenTelemetry: the extra `otel`, which nothing imports unless `[tracing] endpoint` is set.

A span carries names of agent, plugin and handler, the number of a delivery, and classes of errors; never a text, a
token, a person, or an error's message.
"""

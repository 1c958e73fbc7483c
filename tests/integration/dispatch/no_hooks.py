"""A dispatcher's plugins that want neither a start nor a stop."""


class NoHooks:
    """Nothing to start, nothing to stop."""

    waiting = ()

    async def start(self, committed):
        pass

    async def stop(self, ends_at):
        pass

    def refuse(self, handler):
        return None

    def rewind(self, seconds):
        pass

    def wake(self):
        pass

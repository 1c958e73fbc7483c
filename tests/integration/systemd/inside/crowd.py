"""
The owner of an agent in many chats with it.

`open` makes them and says a word with seconds in each; `heard` prints what the agent has said in each.
"""

import json
import sys

from mycel_runtime.sdk import Client

verb, token, agent, *words = sys.argv[1:]
with Client(base_url="http://127.0.0.1:8042", auth_token=token) as owner:
    if verb == "open":
        for word in words:
            chat = owner.chats.create([agent], kind="group", title=word)
            owner.messages.send(chat["id"], word, enforce_caught_up=False)
    else:
        chats = [chat for chat in owner.chats.list() if chat["title"] in words]
        said = {
            chat["title"]: [
                each["content"]
                for each in owner.messages.list(chat["id"], limit=200)
                if each["sender_id"] == agent
            ]
            for chat in chats
        }
        print(json.dumps(said))

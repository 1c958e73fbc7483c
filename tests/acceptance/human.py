"""
Humans, played by the genuine reference client: run by the Python of its own environment.

    human.py converse BASE_URL               one human says three things and reads each answer
    human.py flood BASE_URL CHATS MESSAGES   many humans say numbered things; prints each chat's history

Reads `{"agent": id}` from standard input after having printed the agent's token; prints JSON lines.
"""

import json
import sys
import time

from mycel_sdk import ApiError, Client

DEADLINE_SECONDS = 250.0


def say(**value):
    print(json.dumps(value), flush=True)


def guest(base_url, name):
    made = Client(base_url=base_url).auth.create_guest_owner(name)
    return Client(base_url=base_url, auth_token=made["token"])


def make_agent(owner):
    made = owner.auth.create_external_user("agent", "Agent")
    say(agent_token=made["token"], agent_id=made["user"]["id"])
    sys.stdin.readline()
    return made["user"]["id"]


def wait_answers(human, chat_id, count):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        messages = human.messages.list_all(chat_id)
        if len(messages) >= count:
            return messages
        time.sleep(0.05)
    return human.messages.list_all(chat_id)


def converse(base_url):
    human = guest(base_url, "Hannah")
    agent_id = make_agent(human)
    chat_id = human.chats.ensure_direct(agent_id)["id"]
    for number in range(3):
        human.messages.send(chat_id, f"question {number}")
        wait_answers(human, chat_id, 2 * number + 2)
        answers = human.messages.read(chat_id)
        say(answers=[answer["content"] for answer in answers])


def send(human, chat_id, text):
    while True:
        try:
            return human.messages.send(chat_id, text, enforce_caught_up=False)
        except ApiError as exc:
            if not exc.is_transport_error:
                raise
            time.sleep(0.05)


def flood(base_url, chats, messages):
    humans = [guest(base_url, f"human {number}") for number in range(chats)]
    agent_id = make_agent(humans[0])
    rooms = [(human, human.chats.ensure_direct(agent_id)["id"]) for human in humans]
    for number in range(messages):
        human, chat_id = rooms[number % chats]
        send(human, chat_id, f"message {number}")
        time.sleep(0.1)
    say(flooded=messages)
    for human, chat_id in rooms:
        history = wait_answers(human, chat_id, 2 * messages // chats)
        say(chat=chat_id, history=[[message["sender_id"], message["content"]] for message in history])


if __name__ == "__main__":
    command, base_url, *numbers = sys.argv[1:]
    {"converse": converse, "flood": flood}[command](base_url, *map(int, numbers))

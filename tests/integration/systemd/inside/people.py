"""An owner and an agent of this name on the local backend; prints their tokens."""

import json
import sys

from mycel_runtime.sdk import Client

ADDRESS = f"http://127.0.0.1:{sys.argv[2]}"
with Client(base_url=ADDRESS) as nobody:
    owner = nobody.auth.create_guest_owner("owner")
with Client(base_url=ADDRESS, auth_token=owner["token"]) as mycel:
    agent = mycel.auth.create_external_user(sys.argv[1], sys.argv[1])
print(json.dumps({"owner": owner["token"], "agent": agent["token"]}))

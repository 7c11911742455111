# #region python
import json
import subprocess
import urllib.request


def call(url, body=None, method="POST", token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body or {}).encode(), headers, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


command = ["npx", "palaver", "test-server"]
# The end of the block closes the standard input of the server, which ends it.
with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
    started = json.loads(server.stdout.readline())
    url, control = started["url"], started["control_url"]
    ana, bob = call(f"{control}/users", {"usernames": ["ana", "bob"]})["users"]
    call(f"{url}/v1/messages", {"dest_username": "bob", "message": "hello"}, token=ana["token"])
    event = call(f"{control}/events/wait", {"username": "bob", "match": {"type": "message.created"}})
    assert event["message"]["message"] == "hello"
    assert event["at"] == "2026-11-23T10:15:00.123Z"
# #endregion python
print("passed", server.returncode)

"""An adapter that is broken in the way that its argument names; until then it answers as one should."""

import json
import sys
import time

HELLO = {"protocol": 1, "name": "broken", "version": None, "capabilities": []}

GREETINGS: dict[str, dict[str, object]] = {
    "numbered": {"name": 5},
    "boastful": {"capabilities": ["telepathy"]},
    "incapable": {"capabilities": 5},
    "talkative": {"mood": "good"},
    "ahead": {"protocol": 2},
}
"""What is wrong with the answer to hello."""

PACE = {"sluggish": 0.7, "sleepy": 2.5}
"""Seconds before each answer."""


def answer(request: dict[str, object], how: str) -> dict[str, object]:
    """The answer that a sound adapter with a mute implementation would give, but for the greeting."""
    greeting = HELLO | GREETINGS.get(how, {})
    return {"id": request["id"], "result": greeting if request["op"] == "hello" else None}


def main(how: str) -> None:
    """Answers until the first serialize, and then as `how` says."""
    for line in sys.stdin:
        request = json.loads(line)
        said = answer(request, how)
        time.sleep(PACE.get(how, 0.0))
        if request["op"] == "serialize":
            if how == "deaf":
                time.sleep(3600)
            elif how == "chatty":
                print("Serializing a frame", flush=True)
            elif how == "dying":
                print("out of cheese", file=sys.stderr, flush=True)
                sys.exit(3)
            elif how == "lying":
                said["id"] = 1
            elif how == "confused":
                said["result"] = {"payload": "/v7+"}
            elif how == "double":
                said["raised"] = {"type": "ValueError", "message": "both at once"}
            elif how == "lost":
                said = {"id": request["id"], "error": "there is no frame of this name"}
            elif how == "garbled":
                said = {"id": request["id"], "raised": {"type": "ValueError", "bases": 5, "message": ""}}
            elif how == "deep":
                sys.stdout.write("[" * 200_000)
            elif how == "endless":
                sys.stdout.write("a" * (70 << 20))
        elif request["op"] == "construct" and how == "slow":
            time.sleep(3600)
        elif request["op"] == "construct" and how == "generous":
            said["result"] = {"text": "made"}
        elif request["op"] == "close" and how == "parting":
            said = {"id": request["id"], "raised": {"type": "ValueError", "message": "no"}}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

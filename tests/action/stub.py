"""Stands in for `docker` and for `sway` on the PATH: notes how it was called and does what the test wants done."""

import csv
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = {"--rm", "--read-only"}
VALUED = {
    "--pull", "--log-driver", "--cap-drop", "--security-opt", "--user", "--memory", "--memory-swap", "--pids-limit",
    "--tmpfs", "--env", "--network", "--mount", "--workdir", "--gpus",
}  # fmt: skip


def parsed(words):
    """The options of `docker run`, the image, and its arguments."""
    options, at = [], 0
    while words[at].startswith("-"):
        if words[at] in FLAGS:
            options.append([words[at], ""])
            at += 1
        else:
            assert words[at] in VALUED, f"unknown option {words[at]}"
            options.append([words[at], words[at + 1]])
            at += 2
    return options, words[at], words[at + 1 :]


def mounts(options):
    """Target: source and whether it is read-only, of each mount."""
    found = {}
    for name, value in options:
        if name == "--mount":
            fields = dict(field.partition("=")[::2] for field in next(csv.reader([value], strict=True)))
            found[fields["target"]] = [fields.get("source", fields["type"]), "readonly" in fields]
    return found


def act(command, wanted, place, environment):
    """Write what the command would write; `place` turns a path as the command sees it into one of this machine."""
    for name, text in wanted.get("files", {}).items():
        folder = {"gate": wanted.get("folder"), "last-report": wanted.get("folder")}[command]
        with open(os.path.join(place(folder), name), "w") as out:
            out.write(text)
    for name, target in wanted.get("links", {}).items():
        os.symlink(target, os.path.join(place(wanted["folder"]), name))
    if wanted.get("output"):
        with open(place(environment["GITHUB_OUTPUT"]), "a") as out:
            out.write(wanted["output"])
    sys.stdout.write(wanted.get("prints", ""))
    return wanted.get("exit", 0)


def main():
    with open(os.path.join(HERE, "wanted.json")) as source:
        behaviour = json.load(source)
    words, name = sys.argv[1:], os.path.basename(sys.argv[0])
    call = {"tool": name, "argv": words, "environment": dict(os.environ), "cwd": os.getcwd()}
    arguments, code = words, 0
    if name == "docker" and words[0] == "run":
        options, call["image"], arguments = parsed(words[1:])
        call["options"], call["mounts"] = options, mounts(options)
        environment = {}
        for option, value in options:
            if option == "--env":
                key, separator, given = value.partition("=")
                environment[key] = given if separator else os.environ[key]
        call["environment"] = environment
    if name == "sway" or words[0] == "run":
        call["command"] = arguments[0]
        wanted = behaviour.get(arguments[0], {})
        wanted.setdefault("folder", folder_of(arguments))

        def place(path):
            if name == "sway":
                return path
            source, readonly = call["mounts"][path]
            assert not readonly, f"{path} cannot be written"
            return source

        note(call)
        if wanted.get("real"):
            python = [wanted["real"]["python"], "-P", "-m", "sway", *arguments]
            os.execve(python[0], python, {**call["environment"], "PYTHONPATH": wanted["real"]["path"]})
        code = act(arguments[0], wanted, place, call["environment"])
    else:
        note(call)
        code = behaviour.get(" ".join(words[:2]), behaviour.get(words[0], {})).get("exit", 0)
    sys.exit(code)


def folder_of(arguments):
    """Where the command is told to write."""
    for option, value in zip(arguments, arguments[1:], strict=False):
        if option == "--json":
            return os.path.dirname(value)
        if option == "--output":
            return value
    return None


def note(call):
    with open(os.path.join(HERE, "calls.jsonl"), "a") as out:
        out.write(json.dumps(call) + "\n")


if __name__ == "__main__":
    main()

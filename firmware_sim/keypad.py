"""The doors in a browser: a page to press keys on, and the same as JSON."""

import re
from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, jsonify, render_template, request

from firmware_sim.door import KEYS, Door
from firmware_sim.doors import Doors
from firmware_sim.view import view
from firmware_sim.words import BOLT, DOOR, KEY, MODE, QUALITY, clock_words

PATIENCE_S = 30.0
CSP = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'"


def create_app(doors: Doors) -> Flask:
    """The web side of a process full of doors."""
    app = Flask(__name__)
    app.jinja_env.filters["clock"] = clock_words
    app.jinja_env.globals.update(BOLT=BOLT, DOOR=DOOR, KEY=KEY, QUALITY=QUALITY, MODE=MODE)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CSP
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    app.register_blueprint(pages(doors))
    app.register_blueprint(api(doors))
    return app


def pages(doors: Doors) -> Blueprint:
    """For people."""
    blueprint = Blueprint("pages", __name__)

    @blueprint.get("/")
    def index() -> str:
        return render_template("doors.html", doors=[view(door) for door in doors.in_order()])

    @blueprint.get("/keypad/<name>")
    def keypad(name: str) -> str:
        return render_template("keypad.html", door=view(door_of(doors, name)))

    return blueprint


def api(doors: Doors) -> Blueprint:
    """For programs. Every POST answers the door as it is afterwards, except `keys`."""
    blueprint = Blueprint("api", __name__, url_prefix="/doors")

    @blueprint.get("")
    def listed() -> Response:
        return jsonify(doors=[view(door) for door in doors.in_order()])

    @blueprint.get("/<name>")
    def door(name: str) -> Response:
        return jsonify(view(door_of(doors, name)))

    @blueprint.post("/<name>/keys")
    def keys(name: str) -> Response:
        return jsonify(typed(door_of(doors, name), str(asked("keys", str))))

    @blueprint.post("/<name>/press")
    def press(name: str) -> Response:
        found = door_of(doors, name)
        key = str(asked("key", str))
        if key not in KEYS:
            abort(HTTPStatus.BAD_REQUEST)
        found.press(key)
        return jsonify(view(found))

    _add_hands(blueprint, doors)
    return blueprint


def _add_hands(blueprint: Blueprint, doors: Doors) -> None:
    """What somebody at the door does who is not typing."""

    @blueprint.post("/<name>/network")
    def network(name: str) -> Response:
        found = door_of(doors, name)
        found.set_network(bool(asked("up", bool)))
        return jsonify(view(found))

    @blueprint.post("/<name>/sync")
    def sync(name: str) -> Response:
        found = door_of(doors, name)
        found.sync()
        return jsonify(view(found))

    @blueprint.post("/<name>/battery")
    def battery(name: str) -> Response:
        found = door_of(doors, name)
        if "pulled" in (request.get_json(silent=True) or {}):
            found.pull_battery(bool(asked("pulled", bool)))
        else:
            found.set_battery(int(asked("millivolts", int)))
        return jsonify(view(found))

    @blueprint.post("/<name>/door")
    def move(name: str) -> Response:
        found = door_of(doors, name)
        found.move_door(bool(asked("open", bool)))
        return jsonify(view(found))

    @blueprint.post("/<name>/key")
    def key(name: str) -> Response:
        found = door_of(doors, name)
        found.move_key(bool(asked("out", bool)))
        return jsonify(view(found))

    @blueprint.post("/<name>/bolt")
    def bolt(name: str) -> Response:
        found = door_of(doors, name)
        found.turn_thumb("unlocked" if asked("unlocked", bool) else "locked")
        return jsonify(view(found))


def door_of(doors: Doors, name: str) -> Door:
    found = doors.door_or_none(name)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    return found


def typed(door: Door, keys: str) -> dict[str, object]:
    """Type keys and 確定 like a person, and tell what the lock made of it."""
    if not is_typeable(keys):
        abort(HTTPStatus.BAD_REQUEST)
    keys = keys.rstrip("#")
    decided = door.type_in(keys + "#", PATIENCE_S) if keys.strip("*") else None
    seen = view(door)
    if decided is None:
        outcome = "ignored" if seen["powered"] else "no_power"
        return {"outcome": outcome, "opened": False, "offline": False, "display": seen["display"]["text"]}
    return {
        "outcome": decided.outcome,
        "opened": decided.opens and seen["bolt"] == "unlocked",
        "offline": decided.offline,
        "display": seen["display"]["text"],
    }


def asked(name: str, kind: type[bool] | type[int] | type[str]) -> bool | int | str:
    """A member of the request's JSON object, of exactly that type; 400 where it is not."""
    body = request.get_json(silent=True)
    value = body.get(name) if isinstance(body, dict) else None
    if type(value) is not kind:
        abort(HTTPStatus.BAD_REQUEST)
    return value


def is_typeable(keys: str) -> bool:
    return re.fullmatch("[0-9*]{0,64}#?", keys) is not None

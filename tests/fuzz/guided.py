"""The program that atheris drives; ends with 77 at the first finding, as libFuzzer does. See `__main__`."""

import sys

import atheris

with atheris.instrument_imports(include=["locks", "firmware_sim"]):
    from tests.fuzz.decoders import HONEST, PLANTED, judge_input


def main() -> None:
    decoders = PLANTED.get(sys.argv[1], HONEST)

    def one(data: bytes) -> None:
        judge_input(data, decoders)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

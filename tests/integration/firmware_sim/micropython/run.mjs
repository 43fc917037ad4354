// Asks replay.py under MicroPython: node run.mjs <folder with replay.py, question.json and the lock's core>.
// The folder is copied into MicroPython's own memory; the answer goes to standard output.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit, stderr, stdout } from "node:process";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const HEAP_BYTES = 16 * 1024 * 1024;

function copy(mp, from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = `${to}/${entry.name}`;
    if (entry.isDirectory()) {
      mp.FS.mkdir(target);
      copy(mp, source, target);
    } else {
      mp.FS.writeFile(target, readFileSync(source));
    }
  }
}

const ASK = `
import json, sys
sys.path.append("/lock")
from replay import replay
with open("/lock/question.json") as question:
    answer = replay(json.loads(question.read()))
answer["implementation"] = [sys.implementation.name, list(sys.implementation[1][:3])]
with open("/answer.json", "w") as file:
    file.write(json.dumps(answer))
`;
const mp = await loadMicroPython({ heapsize: HEAP_BYTES });
mp.FS.mkdir("/lock");
copy(mp, argv[2], "/lock");
try {
  mp.runPython(ASK);
} catch (problem) {
  stderr.write(`${problem.type}: ${problem.message}\n`);
  exit(1);
}
stdout.write(mp.FS.readFile("/answer.json", { encoding: "utf8" }));

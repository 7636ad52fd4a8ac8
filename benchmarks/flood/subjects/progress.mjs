// What a subject that runs in Node tells the harness: as progress.py, which says what the arguments are.

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const [host, count, step, , report] = process.argv.slice(-5);
const total = Number(count);
const say = (line) => fs.writeSync(Number(report), JSON.stringify(line) + "\n");
let handled = 0;

export { host };
export const require = createRequire(path.join(process.env.TRIO_BRIDGE_NODE_MODULES, "here.js"));

// Count one message; with the last one, tell which version of the SDK it was.
export function add(sdk) {
  handled += 1;
  if (handled % Number(step) === 0 || handled === total) {
    const { user, system } = process.cpuUsage();
    say({ handled, cpu: (user + system) * 1000 });
  }
  if (handled === total) {
    say({ facts: { version: require(`${sdk}/package.json`).version, node: process.version } });
  }
}

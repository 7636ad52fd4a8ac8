// The official Node SDK, unmodified, with a handler that acknowledges and does nothing else.

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const [host, count, step, , report] = process.argv.slice(-5);
const require = createRequire(path.join(process.env.TRIO_BRIDGE_NODE_MODULES, "here.js"));
const axios = require("axios"); // the very instance that the SDK uses
const { DWClient, TOPIC_ROBOT } = require("dingtalk-stream");

// The SDK knows one gateway, and no option for another.
axios.interceptors.request.use((config) => ({
  ...config,
  url: config.url.replace("https://api.dingtalk.com", `http://${host}`),
  proxy: false,
}));

const total = Number(count);
const say = (line) => fs.writeSync(Number(report), JSON.stringify(line) + "\n");
let handled = 0;

const client = new DWClient({ clientId: "dingfloodexample0001", clientSecret: "flood" });
client.registerCallbackListener(TOPIC_ROBOT, (message) => {
  client.socketCallBackResponse(message.headers.messageId, { success: true });
  handled += 1;
  if (handled % Number(step) === 0 || handled === total) {
    const { user, system } = process.cpuUsage();
    say({ handled, cpu: (user + system) * 1000 });
  }
  if (handled === total) {
    say({ facts: { version: require("dingtalk-stream/package.json").version, node: process.version } });
  }
});
client.connect();

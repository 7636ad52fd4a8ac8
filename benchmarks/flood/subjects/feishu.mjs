// The official Node SDK for Feishu, unmodified, with a handler that does nothing.

import { add, host, require } from "./progress.mjs";

const { EventDispatcher, LoggerLevel, WSClient } = require("@larksuiteoapi/node-sdk");

const eventDispatcher = new EventDispatcher({ loggerLevel: LoggerLevel.warn }).register({
  "im.message.receive_v1": async () => add("@larksuiteoapi/node-sdk"),
});
const client = new WSClient({
  appId: "cli_f100df100df100d0",
  appSecret: "flood",
  domain: `http://${host}`,
  loggerLevel: LoggerLevel.warn,
});
client.start({ eventDispatcher });

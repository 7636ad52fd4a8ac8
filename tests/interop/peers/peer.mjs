// A bot on the official Node SDK: peer.mjs CLIENT_ID CLIENT_SECRET HANDLERS. The URL is where the Python SDK has it.
//
// It says in lines of JSON what it was given, and runs until its standard input ends. What a person writes may tell it
// how to behave: "bot: silent 2" (leave the first two deliveries of this message without an acknowledgement),
// "bot: reply" (through the session webhook).

import { createRequire } from 'node:module';

const require = createRequire(`${process.env.TRIO_BRIDGE_NODE_MODULES}/`);
const axios = require('axios');
const { DWClient, EventAck, TOPIC_AI_GRAPH_API, TOPIC_CARD, TOPIC_ROBOT } = require('dingtalk-stream');

const [clientId, clientSecret, handlers] = process.argv.slice(2);
const say = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`);
const hear = ({ headers, data }) => say({ got: headers.topic, key: headers.messageId, data });

process.stdin.on('end', () => process.exit(0)).resume();

// The SDK's URLs are constants: what it asks of them is sent to us instead, by the axios that it uses itself.
axios.interceptors.request.use((request) => {
  request.url = request.url.replace(/^https:\/\/o?api\.dingtalk\.com/, process.env.DINGTALK_OPENAPI_ENDPOINT);
  return { ...request, proxy: false };
});
// It never says why it was not let in.
axios.interceptors.response.use(undefined, (error) => {
  say({ log: `${error.response?.status} ${JSON.stringify(error.response?.data)}` });
  throw error;
});

const client = new DWClient({ clientId, clientSecret, keepAlive: true });
const deliveries = new Map();

async function reply({ sessionWebhook, senderStaffId }) {
  const accessToken = await client.getAccessToken();
  const result = await axios({
    url: sessionWebhook,
    method: 'POST',
    responseType: 'json',
    data: { at: { atUserIds: [senderStaffId], isAtAll: false }, text: { content: 'pong' }, msgtype: 'text' },
    headers: { 'x-acs-dingtalk-access-token': accessToken },
  });
  say({ replied: result.data });
}

async function robot(message) {
  hear(message);
  // Data that can't be read is acknowledged like any other: the SDK leaves the reading to its users.
  const [, wish, times] = /"content":" ?bot: (\w+) ?(\d*)"/.exec(message.data) ?? [];
  if (wish === 'silent') {
    const { msgId } = JSON.parse(message.data);
    deliveries.set(msgId, (deliveries.get(msgId) ?? 0) + 1);
    if (deliveries.get(msgId) <= Number(times)) return;
  }
  client.socketCallBackResponse(message.headers.messageId, { success: true });
  if (wish === 'reply') await reply(JSON.parse(message.data));
}

function card(message) {
  hear(message);
  client.send(message.headers.messageId, { cardData: { cardParamMap: { a: '1' } } });
}

function graph(message) {
  hear(message);
  const response = { statusLine: { code: 200, reasonPhrase: 'OK' }, headers: {}, body: '{}' };
  client.sendGraphAPIResponse(message.headers.messageId, { response });
}

const putOff = new Set();

function events(message) {
  hear(message);
  const { eventId, eventType } = message.headers;
  if (eventType === 'come_later' && !putOff.has(eventId)) {
    putOff.add(eventId);
    return { status: EventAck.LATER };
  }
  return { status: EventAck.SUCCESS, message: 'OK' };
}

const later = () => ({ status: EventAck.LATER, message: 'later' });

const HANDLERS = {
  full: { robot, card, graph, events },
  robot_only: { robot },
  none: {},
  noack: { robot: hear, card, graph, events },
  later: { robot, card, graph, events: later },
};

const registered = HANDLERS[handlers];
if (registered.robot) client.registerCallbackListener(TOPIC_ROBOT, registered.robot);
if (registered.card) client.registerCallbackListener(TOPIC_CARD, registered.card);
if (registered.graph) client.registerCallbackListener(TOPIC_AI_GRAPH_API, registered.graph);
if (registered.events) client.registerAllEventListener(registered.events);
client.connect();

// A bot on the official Node SDK, with a long connection: bot.mjs URL APP_ID APP_SECRET HANDLERS.

import { dispatcher, lark, say } from './handlers.mjs';

const [domain, appId, appSecret, handlers] = process.argv.slice(2);
const onError = (error) => say({ gave_up: error.message });
const client = new lark.WSClient({ appId, appSecret, domain, onError, loggerLevel: lark.LoggerLevel.warn });
client.start({ eventDispatcher: dispatcher(handlers) });

// A bot on the official Node SDK that is called: webhook.mjs ENCRYPT_KEY VERIFICATION_TOKEN. It says its port.

import { createServer } from 'node:http';
import { dispatcher, lark, say } from './handlers.mjs';

const [encryptKey, verificationToken] = process.argv.slice(2);
const hook = lark.adaptDefault('/', dispatcher('full', encryptKey, verificationToken), { autoChallenge: true });
// What the SDK throws is nobody's here, and would end the process.
const server = createServer((request, response) => {
  hook(request, response).catch((error) => {
    say({ log: error.message });
    response.writeHead(500).end();
  });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));

// SPDX-License-Identifier: Apache-2.0
//
// A real OpenID provider (oidc-provider, certified by the OpenID Foundation)
// over TLS on loopback. Usage: node provider.mjs FOLDER SETTINGS.json, where
// FOLDER is what install.sh prints. People sign in by name, with any password;
// their access tokens are JWTs (RFC 9068) for the configured audience.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(file, 'utf8'));
const path = createRequire(`${folder}/package.json`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(path));

const resource = 'urn:postfach:test';
const named = new Map(settings.clients.map((c) => [c.client_id, c.login]));
const provider = new Provider(settings.issuer, {
  jwks: settings.jwks,
  cookies: { keys: ['only for this run'] },
  clients: settings.clients.map(({ login, ...client }) => client),
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  pkce: { required: (ctx, client) => client.applicationType === 'native' },
  ttl: { AccessToken: settings.ttl, ClientCredentials: settings.ttl },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  // Programs act for whom the settings say, people for themselves.
  extraTokenClaims: (ctx, token) => ({ preferred_username: token.accountId ?? named.get(token.clientId) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience: settings.audience,
        scope: 'postfach',
        accessTokenFormat: 'jwt',
        accessTokenTTL: settings.ttl,
        jwt: { sign: { alg: settings.alg } },
      }),
    },
  },
});

const server = createServer({ cert: readFileSync(settings.cert), key: readFileSync(settings.key) }, provider.callback());
server.listen(settings.port, '127.0.0.1', () => console.log('listening'));

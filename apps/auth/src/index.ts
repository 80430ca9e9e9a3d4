import { tokenConfig } from '@nexus/auth-guards';
import { defineService } from '@nexus/bootstrap';
import { platformConfig } from '@nexus/config';
import {
  ApiKeys,
  accountChanged,
  accountRegistered,
  passwordChanged,
  SERVICE_NAMES,
  Sessions,
  TokenTrust,
  UserDirectory,
  userStatusChanged,
} from '@nexus/contracts';
import { AccountEntity } from './accounts/account.entity.js';
import { LocalApiKeys } from './adapters/api-keys.local.js';
import { LocalSessions } from './adapters/sessions.local.js';
import { LocalTokenTrust } from './adapters/token-trust.local.js';
import { UserStatusHandler } from './adapters/user-status.event.js';
import { authConfig } from './auth.config.js';
import { AccountsAndSessions1763856000010 } from './migrations/0001-accounts-and-sessions.js';
import { ApiKeys1763942400010 } from './migrations/0002-api-keys.js';

/** Who may come in: accounts, credentials, sessions and the keys of access tokens. */
export const authService = defineService({
  name: 'auth',
  port: 8081,
  module: async () => (await import('./auth.module.js')).AuthModule,
  provides: [
    { port: Sessions, provider: LocalSessions, callers: ['user'] },
    { port: ApiKeys, provider: LocalApiKeys, callers: ['gateway'] },
    { port: TokenTrust, provider: LocalTokenTrust, callers: SERVICE_NAMES },
  ],
  needs: [TokenTrust, UserDirectory],
  publishes: [accountRegistered, accountChanged, passwordChanged],
  subscribes: [{ event: userStatusChanged, handler: UserStatusHandler }],
  database: { entities: [AccountEntity], migrations: [AccountsAndSessions1763856000010, ApiKeys1763942400010] },
  config: [platformConfig, tokenConfig, authConfig],
  egress: [{ to: 'postgres' }, { to: 'redis' }],
});

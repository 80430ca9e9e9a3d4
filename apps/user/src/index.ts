import { defineService } from '@nexus/bootstrap';
import { accountChanged, accountRegistered, Sessions, UserDirectory, userStatusChanged } from '@nexus/contracts';
import { LocalUserDirectory } from './adapters/user-directory.local.js';
import { Profiles1763856000100 } from './migrations/0001-profiles.js';
import { PreferencesEntity } from './preferences/preferences.entity.js';
import { AccountChangedHandler } from './profiles/account-changed.event.js';
import { AccountRegisteredHandler } from './profiles/account-registered.event.js';

/** Profiles, preferences and status of people. */
export const userService = defineService({
  name: 'user',
  port: 8082,
  module: async () => (await import('./user.module.js')).UserModule,
  provides: [
    { port: UserDirectory, provider: LocalUserDirectory, callers: ['auth', 'project', 'file', 'notification'] },
  ],
  needs: [Sessions],
  publishes: [userStatusChanged],
  subscribes: [
    { event: accountRegistered, handler: AccountRegisteredHandler },
    { event: accountChanged, handler: AccountChangedHandler },
  ],
  database: { entities: [PreferencesEntity], migrations: [Profiles1763856000100] },
  egress: [{ to: 'postgres' }, { to: 'redis' }],
});

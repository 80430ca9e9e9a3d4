import { describe, expect, it } from '@jest/globals';
import { loadProcessConfig } from '@nexus/bootstrap';
import { notificationService } from './index.js';
import { notificationConfig } from './notification.config.js';

const load = (env: Record<string, string> = {}) =>
  loadProcessConfig([notificationService], { DATABASE_URL: 'postgres://localhost/nexus', ...env });
const SMTP_URL = 'smtp://user:hunter2@mail.example:587';

describe('configuration of notifications', () => {
  it('has working defaults in development', () => {
    expect(load().get(notificationConfig)).toEqual({
      SMTP_URL: undefined,
      MAIL_FROM: 'Nexus <no-reply@nexus.local>',
      NOTIFICATION_STREAMS_PER_USER: 10,
    });
  });

  it('does not let staging and production go without a mail server', () => {
    for (const NEXUS_ENV of ['staging', 'production']) {
      expect(() => load({ NEXUS_ENV })).toThrow(`SMTP_URL is needed with NEXUS_ENV=${NEXUS_ENV}`);
      expect(load({ NEXUS_ENV, SMTP_URL }).get(notificationConfig).SMTP_URL).toBe(SMTP_URL);
    }
    expect(() =>
      loadProcessConfig([], { DATABASE_URL: 'postgres://localhost/nexus', NEXUS_ENV: 'production' }),
    ).not.toThrow();
  });

  it('refuses what cannot be used, without telling secrets', () => {
    expect(() => load({ SMTP_URL: 'http://user:hunter2@mail.example' })).toThrow(/SMTP_URL: must be an smtp/);
    expect(() => load({ SMTP_URL: 'http://user:hunter2@mail.example' })).not.toThrow(/hunter2/);
    for (const MAIL_FROM of ['Nexus', 'Nexus <>', 'Nexus <a@b>\r\nBcc: c@d', 'a@b, c@d'])
      expect(() => load({ MAIL_FROM })).toThrow(/MAIL_FROM: must be an address/);
    expect(() => load({ NOTIFICATION_STREAMS_PER_USER: '0' })).toThrow(/NOTIFICATION_STREAMS_PER_USER/);
    expect(load({ SMTP_URL }).masked().SMTP_URL).toBe('********');
  });
});

import { request } from 'node:http';
import { assertRules } from './answer-rules.js';
import { randomLoopback } from './chance.js';
import { environment } from './environment.js';
import { Reply } from './reply.js';
import type { Mail } from './resources.js';
import { eventually } from './waiting.js';

const MAIL_MS = 5000;

/**
 * Asks on the loopback and without forwarding headers: captured mail is shown to nobody else. Each call has a loopback
 * address of its own, so that looking often uses up no limit.
 */
export function askLocally(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(`${environment.baseUrl}${path}`, { localAddress: randomLoopback(), headers, agent: false });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const found = new Headers();
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
          found.append(response.rawHeaders[i] as string, response.rawHeaders[i + 1] as string);
        }
        const reply = new Reply(`GET ${path}`, response.statusCode ?? 0, found, Buffer.concat(chunks));
        try {
          assertRules(reply, { method: 'GET', path: path.split('?')[0] as string, givenId: undefined, readable: true });
          resolve(reply);
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.end();
  });
}

/** The captured mails to this address, newest first. */
export async function mailsTo(email: string): Promise<Mail[]> {
  const reply = await askLocally(`/dev/mail/messages?to=${encodeURIComponent(email)}`);
  return reply
    .is(200)
    .data<Mail[]>()
    .filter((mail) => mail.to.includes(email));
}

/** Waits for a mail to this address whose subject fits. */
export async function mailTo(email: string, subject: RegExp): Promise<Mail> {
  const mails = await eventually(
    () => mailsTo(email),
    (found) => found.some((mail) => subject.test(mail.subject)),
    { withinMs: MAIL_MS, what: `a mail to ${email} about ${subject}`, everyMs: 100 },
  );
  return mails.find((mail) => subject.test(mail.subject)) as Mail;
}

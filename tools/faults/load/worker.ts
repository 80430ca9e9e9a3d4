/** The load, in a process of its own: it must go on undisturbed whatever happens to the platform and to who tests it. */
import { Auditor } from './auditor.ts';
import type { Answered, Answers, Asked, Question } from './protocol.ts';
import { Traffic } from './traffic.ts';

let traffic: Traffic | undefined;
let auditor: Auditor | undefined;

function running(): { traffic: Traffic; auditor: Auditor } {
  if (!traffic || !auditor) throw new Error('There is no load yet');
  return { traffic, auditor };
}

const does: { readonly [Q in Question]: (ask: Answers[Q]['ask']) => Promise<Answers[Q]['answer']> } = {
  async open({ plan }) {
    traffic = new Traffic(plan);
    auditor = new Auditor(plan.url, traffic.ledger, traffic.journal);
    await traffic.start();
    return null;
  },
  async recovered({ from }) {
    return running().traffic.journal.timeline.recoveredAt(from) ?? null;
  },
  async span({ from, to }) {
    return running().traffic.journal.timeline.span(from, to);
  },
  async audit() {
    return running().auditor.recent();
  },
  async close() {
    const { traffic, auditor } = running();
    await traffic.stop();
    return auditor.closing();
  },
};

async function answer<Q extends Question>({ id, question, ask }: Asked<Q>): Promise<Answered> {
  try {
    return { id, answer: await does[question](ask) };
  } catch (error) {
    return { id, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// Whoever asked is gone: nobody is left to work for.
process.once('disconnect', () => process.exit(0));
process.on('message', (asked: Asked) => {
  void answer(asked).then((answered) => {
    if (process.connected) process.send?.(answered);
  });
});

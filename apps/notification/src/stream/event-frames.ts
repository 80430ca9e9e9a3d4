import type { NotificationView } from '../inbox/inbox.schemas.js';

const MIN_RETRY_MS = 2_000;
const SPREAD_MS = 3_000;

/** Comment that keeps the connection open (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export const HEARTBEAT = ': \n\n';

/** First frame. The time to come back differs from stream to stream, so that not all come back at once. */
export function openingFrame(): string {
  return `retry: ${MIN_RETRY_MS + Math.floor(Math.random() * SPREAD_MS)}\n: open\n\n`;
}

/** Last frame of a stream that had to make room: its client waits longer, so that two do not chase each other. */
export const REPLACED_FRAME = 'retry: 60000\n: replaced by a newer stream\n\n';

/** One entry. JSON in one line holds no line end, so no entry can end its frame early. */
export function notificationFrame(view: NotificationView): string {
  return `id: ${view.id}\nevent: notification\ndata: ${JSON.stringify(view)}\n\n`;
}

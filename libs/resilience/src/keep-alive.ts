/** Servers say how long they keep an idle connection; ours ends before, and here, whatever a server says. In ms. */
export const KEEP_ALIVE_MAX_MS = 60_000;
/** For how long a connection may idle where its server says nothing, in ms. */
export const KEEP_ALIVE_UNKNOWN_MS = 4_000;

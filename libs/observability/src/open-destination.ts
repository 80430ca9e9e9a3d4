import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { FdDestination, type FdDestinationOptions } from './log-destination.js';

/**
 * Opens a destination on an inherited descriptor.
 *
 * A pipe or terminal is opened a second time with `O_NONBLOCK`: the flag then belongs to this process alone, and a
 * reader that stalls can neither stop the event loop nor hold up an exit. Files never stall. Where that is not
 * possible (sockets, other systems, a pipe of another user) the thread pool does the writing.
 */
export function openFdDestination(fd: number, options: FdDestinationOptions = {}): FdDestination {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return new FdDestination(fd, options);
    if (stat.isFIFO() || stat.isCharacterDevice()) {
      const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
      const again = fstatSync(own);
      if (again.ino === stat.ino && again.dev === stat.dev) return new FdDestination(own, options);
      closeSync(own);
    }
  } catch {
    // No such descriptor, no /proc, or no right to open it again: the first write tells the rest.
  }
  return new FdDestination(fd, { ...options, threaded: true });
}

/** The tour of the README, typed into a shell; it needs the same server as test/acceptance. */
export { blackBox as default } from '../acceptance/jest.config.js';

/** After a Jest run: stops what jest-global-setup.mjs has started. */
export default async function tearDown() {
  await Reflect.get(globalThis, Symbol.for('nexus.shared-test-database'))?.stop();
}

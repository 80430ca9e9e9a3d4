/**
 * What a request is called off with when its deadline has passed: unlike a caller who went away, that says something
 * about the service that did not answer.
 */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
  readonly code = 'OUT_OF_TIME';

  constructor() {
    super('The deadline has passed');
  }
}

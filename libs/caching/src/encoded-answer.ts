/** What a JSON handler has answered, ready to be written: final, and the same for everyone who may see it. */
export class EncodedAnswer {
  /**
   * @param head the JSON text of the envelope up to, but excluding, the value of `request_id`
   * @param etag strong entity tag with its quotes, of a single resource
   */
  constructor(
    readonly head: string,
    readonly etag?: string,
  ) {}
}

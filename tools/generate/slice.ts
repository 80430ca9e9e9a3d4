/** A slice of the configuration, as far as documents and charts are made of it. */
export interface Slice {
  readonly name: string;
  readonly fields: Record<
    string,
    {
      readonly schema: {
        safeParse(value: unknown): {
          success: boolean;
          data?: unknown;
          /** `values`: what there is to choose from. */
          error?: { issues: readonly { values?: readonly string[] }[] };
        };
      };
      readonly description: string;
      readonly secret?: boolean;
      readonly defaultText?: string;
    }
  >;
}

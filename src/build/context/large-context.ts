export interface WeightLimits {
  readonly files: number;
  readonly bytes: number;
}

/** From here on a context is more likely a mistake than meant. */
export const largeContext: WeightLimits = { files: 100_000, bytes: 1024 ** 3 };

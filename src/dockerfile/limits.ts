/**
 * Bounds on hostile input. Each is far above what real files need; all are refused with `DOCKERFILE_LIMIT`.
 */
export const limits = {
  /** Bytes of a Dockerfile or an ignore file. */
  fileBytes: 4 << 20,
  /** Bytes of one physical line: BuildKit's scanner takes no longer ones either. */
  lineBytes: 65_535,
  /** Physical lines of a file. */
  lines: 100_000,
  /** `${a:-${b:-...}}` inside each other: the lexer recurses. */
  expansionDepth: 64,
  /** Characters a word may grow to: `ENV a=$a$a` in a loop doubles each time. */
  expansionLength: 1 << 20,
  /** Characters a heredoc may grow to. */
  heredocLength: 8 << 20,
  /** Characters compared while trimming or replacing by a pattern (value length times pattern length). */
  patternWork: 64 << 20,
  /** Patterns of an ignore file. */
  ignorePatterns: 10_000,
} as const;

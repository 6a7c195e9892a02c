/** What a template is made of. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | {
      readonly kind: BlockKind;
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: "leave"; readonly how: "break" | "continue" };

export type BlockKind = "if" | "with" | "range";

/** Calls from left to right; each gets the result of the one before as its last argument. */
export interface Pipe {
  /** `$x :=`, in a range also `$key, $value :=`; `=` gives a variable that is there another value. */
  readonly variables: readonly string[];
  readonly assigns: boolean;
  readonly calls: readonly Call[];
}

/** A function, or what stands alone, with its arguments. */
export interface Call {
  readonly head: Operand;
  readonly args: readonly Operand[];
}

export type Operand =
  | { readonly kind: "constant"; readonly value: unknown }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "dot" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "pipe"; readonly pipe: Pipe }
  | { readonly kind: "field"; readonly of: Operand; readonly name: string };

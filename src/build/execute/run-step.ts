export async function runStep(): Promise<never> {
  throw new Error("not yet");
}

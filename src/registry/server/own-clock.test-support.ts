import { afterEach, setSystemTime } from "bun:test";

/**
 * The clock of the registry in the hands of a test: however slow the machine is, between two calls no time goes by. Gives what moves it on by
 * milliseconds; it stands still from the first call on, and goes again after each test.
 */
export function ownClock(): (milliseconds: number) => void {
  afterEach(() => {
    setSystemTime();
  });
  return (milliseconds) => {
    setSystemTime(Date.now() + milliseconds);
  };
}

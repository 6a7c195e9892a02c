/** Where the next page of a list is, undefined on the last one. */
export function next(response: Response): string | undefined {
  return /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
}

/** What is asked for by number: all of it. */
export const all = (count: number, at: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => at(index))

/** Of the standard normal distribution: 95 % lie within so many standard deviations. */
const Z = 1.959963984540054;

/**
 * Where a share lies with 95 % confidence, given that so many of `total` succeeded: the score interval of E. B. Wilson (1927). Null
 * where nothing is known.
 */
export function wilsonInterval(successes: number, total: number): [low: number, high: number] | null {
  if (total === 0) return null;
  const share = successes / total;
  const spread = (Z * Math.sqrt(share * (1 - share) * total + (Z * Z) / 4)) / (total + Z * Z);
  const middle = (successes + (Z * Z) / 2) / (total + Z * Z);
  // Neither below 0 nor above 1, where the last digits are lost.
  return [Math.max(0, middle - spread), Math.min(1, middle + spread)];
}

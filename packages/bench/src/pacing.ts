/** The scenarios of pacing: so many starts a second. */
export const PACES = {
  'pacing-10': 10,
  'pacing-1000': 1_000,
  'pacing-20000': 20_000,
} as const satisfies Record<string, number>

export type PacingScenario = keyof typeof PACES

export const PACING_SCENARIOS = Object.keys(PACES) as readonly PacingScenario[]

export function isPacing(scenario: string): scenario is PacingScenario {
  return scenario in PACES
}

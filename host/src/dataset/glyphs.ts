/**
 * How handwritten digits are drawn: pen strokes through points in a box of width 1 and height 1, y down. Points are
 * shared between strokes by index, so that a stroke stays joined to its neighbour when points are moved.
 */

export interface Glyph {
  /** Share of this way of writing among those of its digit. */
  readonly weight: number;
  /** Width of the box relative to its height. */
  readonly aspect: number;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Each a smooth curve through the points of these indices; a corner is where one ends and the next begins. */
  readonly strokes: readonly (readonly number[])[];
}

const zero: readonly Glyph[] = [
  {
    weight: 1,
    aspect: 0.74,
    points: [
      [0.55, 0],
      [0.2, 0.14],
      [0, 0.52],
      [0.17, 0.88],
      [0.5, 1],
      [0.83, 0.86],
      [1, 0.48],
      [0.85, 0.12],
    ],
    strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 0]],
  },
];

const one: readonly Glyph[] = [
  {
    weight: 0.88,
    aspect: 0.1,
    points: [
      [0.5, 0],
      [0.5, 0.5],
      [0.5, 1],
    ],
    strokes: [[0, 1, 2]],
  },
  {
    weight: 0.12,
    aspect: 0.3,
    points: [
      [0, 0.22],
      [0.65, 0],
      [0.65, 0.5],
      [0.65, 1],
    ],
    strokes: [
      [0, 1],
      [1, 2, 3],
    ],
  },
];

const two: readonly Glyph[] = [
  {
    weight: 0.55,
    aspect: 0.74,
    points: [
      [0.08, 0.2],
      [0.38, 0],
      [0.76, 0.1],
      [0.78, 0.36],
      [0.45, 0.7],
      [0.02, 0.97],
      [0.5, 0.93],
      [1, 0.95],
    ],
    strokes: [
      [0, 1, 2, 3, 4, 5],
      [5, 6, 7],
    ],
  },
  {
    weight: 0.45,
    aspect: 0.8,
    points: [
      [0.1, 0.16],
      [0.42, 0],
      [0.76, 0.14],
      [0.7, 0.46],
      [0.4, 0.82],
      [0.12, 0.97],
      [0.02, 0.85],
      [0.2, 0.73],
      [0.5, 0.85],
      [1, 0.98],
    ],
    strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  },
];

const three: readonly Glyph[] = [
  {
    weight: 1,
    aspect: 0.7,
    points: [
      [0.08, 0.1],
      [0.45, 0],
      [0.84, 0.12],
      [0.76, 0.36],
      [0.36, 0.47],
      [0.82, 0.58],
      [0.95, 0.78],
      [0.6, 0.98],
      [0, 0.93],
    ],
    strokes: [
      [0, 1, 2, 3, 4],
      [4, 5, 6, 7, 8],
    ],
  },
];

const four: readonly Glyph[] = [
  {
    weight: 0.75,
    aspect: 0.72,
    points: [
      [0.16, 0.02],
      [0.04, 0.3],
      [0.06, 0.52],
      [0.45, 0.55],
      [0.95, 0.46],
      [0.86, 0],
      [0.78, 0.5],
      [0.72, 1],
    ],
    strokes: [
      [0, 1, 2],
      [2, 3, 4],
      [5, 6, 7],
    ],
  },
  {
    weight: 0.25,
    aspect: 0.74,
    points: [
      [0.6, 0],
      [0.3, 0.34],
      [0, 0.62],
      [0.5, 0.62],
      [1, 0.58],
      [0.66, 0.1],
      [0.64, 0.55],
      [0.6, 1],
    ],
    strokes: [
      [0, 1, 2],
      [2, 3, 4],
      [5, 6, 7],
    ],
  },
];

const five: readonly Glyph[] = [
  {
    weight: 1,
    aspect: 0.74,
    points: [
      [1, 0],
      [0.6, 0.03],
      [0.28, 0.04],
      [0.2, 0.24],
      [0.16, 0.42],
      [0.5, 0.38],
      [0.84, 0.56],
      [0.76, 0.86],
      [0.4, 1],
      [0, 0.9],
    ],
    strokes: [
      [0, 1, 2],
      [2, 3, 4],
      [4, 5, 6, 7, 8, 9],
    ],
  },
];

const six: readonly Glyph[] = [
  {
    weight: 1,
    aspect: 0.66,
    points: [
      [0.72, 0],
      [0.36, 0.22],
      [0.08, 0.56],
      [0.06, 0.84],
      [0.4, 1],
      [0.84, 0.9],
      [0.96, 0.68],
      [0.66, 0.54],
      [0.28, 0.66],
      [0.1, 0.86],
    ],
    strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  },
];

const seven: readonly Glyph[] = [
  {
    weight: 0.8,
    aspect: 0.7,
    points: [
      [0, 0.1],
      [0.45, 0.06],
      [0.96, 0.04],
      [0.68, 0.45],
      [0.48, 1],
    ],
    strokes: [
      [0, 1, 2],
      [2, 3, 4],
    ],
  },
  {
    weight: 0.2,
    aspect: 0.72,
    points: [
      [0, 0.1],
      [0.45, 0.06],
      [0.96, 0.04],
      [0.64, 0.48],
      [0.42, 1],
      [0.28, 0.52],
      [0.92, 0.46],
    ],
    strokes: [
      [0, 1, 2],
      [2, 3, 4],
      [5, 6],
    ],
  },
];

const eight: readonly Glyph[] = [
  {
    weight: 1,
    aspect: 0.62,
    points: [
      [0.86, 0.12],
      [0.52, 0],
      [0.14, 0.14],
      [0.26, 0.38],
      [0.62, 0.56],
      [0.84, 0.8],
      [0.46, 1],
      [0.06, 0.84],
      [0.3, 0.6],
      [0.7, 0.38],
    ],
    strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]],
  },
];

const nine: readonly Glyph[] = [
  {
    weight: 0.6,
    aspect: 0.62,
    points: [
      [0.9, 0.16],
      [0.5, 0],
      [0.08, 0.18],
      [0.1, 0.42],
      [0.5, 0.48],
      [0.86, 0.26],
      [0.84, 0.6],
      [0.74, 1],
    ],
    strokes: [
      [0, 1, 2, 3, 4, 5],
      [0, 5, 6, 7],
    ],
  },
  {
    weight: 0.4,
    aspect: 0.62,
    points: [
      [0.92, 0.14],
      [0.5, 0],
      [0.08, 0.2],
      [0.14, 0.44],
      [0.54, 0.46],
      [0.92, 0.22],
      [0.88, 0.5],
      [0.66, 0.78],
      [0.4, 1],
    ],
    strokes: [
      [0, 1, 2, 3, 4, 5],
      [0, 5, 6, 7, 8],
    ],
  },
];

/** Ways of writing each digit, 0..9. */
export const glyphs: readonly (readonly Glyph[])[] = [zero, one, two, three, four, five, six, seven, eight, nine];

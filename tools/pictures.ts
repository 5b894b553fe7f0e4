// The pictures of README.md and docs/concepts.md: boxes and arrows, in colours that follow the reader's scheme.

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly title: string;
  /** Lines under the title. */
  readonly lines: readonly string[];
  /** What the product is not: people, servers, files. */
  readonly isOutside?: boolean;
}

interface Arrow {
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
  /** Corner on the way. */
  readonly via?: readonly [x: number, y: number];
  readonly isAnswer?: boolean;
}

const TITLE_HEIGHT = 26;
const LINE_HEIGHT = 17;
const PADDING = 10;

const STYLE = `
    svg { color-scheme: light dark }
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 14px }
    .small { fill: #59636e; font-size: 12px }
    .box { fill: #eef4ff; stroke: #3b6fd4 }
    .outside { fill: #f6f8fa; stroke: #8c959f; stroke-dasharray: 4 3 }
    .line { fill: none; stroke: #57606a; stroke-width: 1.5 }
    .answer { stroke-dasharray: 5 4 }
    .head { fill: #57606a }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .small { fill: #9198a1 }
      .box { fill: #14233f; stroke: #6ea0ff }
      .outside { fill: #161b22; stroke: #768390 }
      .line { stroke: #9198a1 }
      .head { fill: #9198a1 }
    }
`;

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function heightOf({ lines }: Box): number {
  return TITLE_HEIGHT + lines.length * LINE_HEIGHT + PADDING;
}

function boxElement(box: Box): string {
  const { x, y, width, title, lines, isOutside } = box;
  const texts = lines.map(
    (line, index) =>
      `    <text class="small" x="${x + PADDING}" y="${y + TITLE_HEIGHT + 14 + index * LINE_HEIGHT}">${escape(line)}</text>\n`,
  );
  return `    <rect class="${isOutside === true ? 'outside' : 'box'}" x="${x}" y="${y}" width="${width}" height="${heightOf(box)}" rx="6"/>
    <text class="title" x="${x + PADDING}" y="${y + 21}">${escape(title)}</text>
${texts.join('')}`;
}

function arrowElement({ from, via, to, isAnswer }: Arrow): string {
  const points = [from, ...(via === undefined ? [] : [via]), to].map((point) => point.join(' '));
  const kind = isAnswer === true ? 'line answer' : 'line';
  return `    <path class="${kind}" marker-end="url(#head)" d="M${points.join(' L')}"/>\n`;
}

function picture(
  size: readonly [number, number],
  title: string,
  boxes: readonly Box[],
  arrows: readonly Arrow[],
): string {
  const [width, height] = size;
  return `<!-- Written by npm run generate. -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
  <title>${escape(title)}</title>
  <style>${STYLE}  </style>
  <defs>
    <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker>
  </defs>
${boxes.map(boxElement).join('')}${arrows.map(arrowElement).join('')}</svg>
`;
}

function requestPicture(): string {
  const boxes: readonly Box[] = [
    { x: 10, y: 40, width: 110, title: 'Client', lines: ['browser, app'], isOutside: true },
    { x: 180, y: 40, width: 130, title: 'Entry point', lines: ['listens on :443', 'ends TLS'] },
    { x: 370, y: 40, width: 160, title: 'Router', lines: ['its rule is true:', 'Host(`shop.example`)'] },
    { x: 370, y: 180, width: 150, title: 'Middlewares', lines: ['in their order:', 'password, headers …'] },
    { x: 580, y: 180, width: 130, title: 'Service', lines: ['chooses a server', 'that is healthy'] },
    { x: 770, y: 150, width: 120, title: 'Server', lines: ['10.0.0.1:8080'], isOutside: true },
    { x: 770, y: 230, width: 120, title: 'Server', lines: ['10.0.0.2:8080'], isOutside: true },
    { x: 580, y: 40, width: 310, title: 'No rule is true', lines: ['404; “explain” says why'] },
  ];
  const arrows: readonly Arrow[] = [
    { from: [120, 60], to: [178, 60] },
    { from: [310, 60], to: [368, 60] },
    { from: [530, 60], to: [578, 60] },
    { from: [430, 110], to: [430, 178] },
    { from: [520, 200], to: [578, 200] },
    { from: [710, 195], to: [768, 170] },
    { from: [578, 228], to: [522, 228], isAnswer: true },
    { from: [770, 196], to: [712, 228], isAnswer: true },
    { from: [370, 228], via: [65, 228], to: [65, 95], isAnswer: true },
  ];
  return picture([900, 300], 'The way of a request, and of its answer (dashed)', boxes, arrows);
}

function changePicture(): string {
  const boxes: readonly Box[] = [
    { x: 10, y: 20, width: 160, title: 'What you change', lines: ['files, REST,', 'your program'], isOutside: true },
    { x: 220, y: 20, width: 150, title: 'Provider', lines: ['reads it again'] },
    { x: 430, y: 20, width: 190, title: 'Check', lines: ['of every object:', 'place, cause, way out'] },
    { x: 430, y: 150, width: 190, title: 'Snapshot', lines: ['version 7: everything', 'that is to be in force'] },
    {
      x: 700,
      y: 20,
      width: 190,
      title: 'A mistake',
      lines: ['the object goes on', 'as it last was; the log', 'and “check” say why'],
    },
    {
      x: 700,
      y: 150,
      width: 190,
      title: 'Workers',
      lines: ['take the new one at once;', 'requests in progress', 'end with the old one'],
    },
    { x: 220, y: 150, width: 150, title: 'History', lines: ['versions 1 to 6:', '“rollback” goes back'] },
  ];
  const arrows: readonly Arrow[] = [
    { from: [170, 45], to: [218, 45] },
    { from: [370, 45], to: [428, 45] },
    { from: [620, 45], to: [698, 45] },
    { from: [525, 90], to: [525, 148] },
    { from: [620, 180], to: [698, 180] },
    { from: [430, 180], to: [372, 180], isAnswer: true },
  ];
  return picture([900, 260], 'The way of a change', boxes, arrows);
}

function placePicture(): string {
  const boxes: readonly Box[] = [
    { x: 10, y: 120, width: 170, title: 'Clients', lines: ['HTTP, WebSocket, gRPC,', 'TCP, UDP'], isOutside: true },
    {
      x: 270,
      y: 120,
      width: 250,
      title: 'Signalbox',
      lines: ['ends TLS, finds the router,', 'applies middlewares, picks a server;', 'changes while it serves'],
    },
    { x: 630, y: 90, width: 150, title: 'Servers', lines: ['of one service'], isOutside: true },
    { x: 630, y: 170, width: 150, title: 'Servers', lines: ['of another'], isOutside: true },
    { x: 270, y: 10, width: 250, title: 'Configuration', lines: ['files, REST, your program'], isOutside: true },
    { x: 270, y: 260, width: 250, title: 'What it tells', lines: ['logs, metrics, API, diagnostics'], isOutside: true },
  ];
  const arrows: readonly Arrow[] = [
    { from: [180, 150], to: [268, 150] },
    { from: [520, 145], to: [628, 118] },
    { from: [520, 165], to: [628, 195] },
    { from: [395, 63], to: [395, 118] },
    { from: [395, 207], to: [395, 258] },
  ];
  return picture([790, 325], 'Where Signalbox stands: between clients and servers', boxes, arrows);
}

/** Text by file name below `docs/pictures/`. */
export function renderPictures(): Readonly<Record<string, string>> {
  return { 'place.svg': placePicture(), 'request.svg': requestPicture(), 'change.svg': changePicture() };
}

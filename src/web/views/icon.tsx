/** The outlines of the icons, on a grid of 24. */
const PATHS = {
  add: "M12 5v14M5 12h14",
  archive: "M4 4h16v5H4zM6 9v11h12V9M10 13h4",
  back: "M15 5l-7 7 7 7",
  bell: "M6 16V10a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
  check: "M5 13l4 4L19 7",
  checks: "M2 13l4 4L16 7M11 16l1 1L22 7",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M6 9l6 6 6-6",
  edit: "M4 20h4L20 8l-4-4L4 16zM14 6l4 4",
  group:
    "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21v-1a6 6 0 0 1 14 0v1M16 3.5a4 4 0 0 1 0 7M18 14.5a6 6 0 0 1 4 5.5v1",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1",
  mention: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM16 8v5a3 3 0 0 0 5 0v-1a9 9 0 1 0-4 7.5",
  menu: "M5 12h.01M12 12h.01M19 12h.01",
  more: "M12 5.5a.5.5 0 1 0-.01 0zM12 12.5a.5.5 0 1 0-.01 0zM12 19.5a.5.5 0 1 0-.01 0z",
  muted: "M8 6.5A6 6 0 0 1 18 10v6M6 10v6l-2 2h14M10 21h4M3 3l18 18",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21v-1a8 8 0 0 1 16 0v1",
  pin: "M9 3h6l-1 7 4 4H6l4-4zM12 14v7",
  reply: "M9 6L4 11l5 5M4 11h10a6 6 0 0 1 6 6v2",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  send: "M4 12l16-8-5 16-3-7z",
  settings:
    "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8 14a5 5 0 0 0 8 0M9 9.5v.01M15 9.5v.01",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  warning: "M12 4L2.5 20h19zM12 10v5M12 17.5v.01",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture that only repeats a text beside it, or the label of its button. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

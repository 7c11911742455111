/** The user counts as being at the end within this many pixels of it. */
const END_TOLERANCE = 24;

/**
 * Keeps what the user sees of a list in its place while the list grows and shrinks above and below it, and keeps the end in sight
 * for a user who is there.
 *
 * It does not rely on the scroll anchoring of browsers: not all have it, and it does not work at the top.
 */
export class ScrollPosition {
  readonly #list: HTMLElement;
  readonly #content: HTMLElement;
  readonly #onMove: () => void;
  readonly #observer: ResizeObserver;
  readonly #ending = new AbortController();
  #isAtEnd = true;
  /** An element in sight, and its distance from the top of the list. */
  #anchor: { readonly element: Element; readonly top: number } | undefined;

  /** @param onMove called after each change of the position */
  constructor(list: HTMLElement, content: HTMLElement, onMove: () => void) {
    this.#list = list;
    this.#content = content;
    this.#onMove = onMove;
    list.addEventListener("scroll", () => this.#scrolled(), { signal: this.#ending.signal, passive: true });
    this.#observer = new ResizeObserver(() => {
      this.restore();
      this.#onMove();
    });
    this.#observer.observe(list);
    this.#observer.observe(content);
    this.restore();
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Measures the place of what is in sight. Call it before a change of the list. */
  remember(): void {
    if (!this.#isAtEnd) this.#anchor = this.#findAnchor();
  }

  /** Puts what was in sight back in its place. Call it after a change of the list. */
  restore(): void {
    if (this.#isAtEnd) {
      this.#list.scrollTop = this.#list.scrollHeight;
    } else if (this.#anchor?.element.isConnected) {
      this.#list.scrollTop += this.#topOf(this.#anchor.element) - this.#anchor.top;
    }
  }

  showEnd(): void {
    this.#isAtEnd = true;
    this.restore();
    this.#onMove();
  }

  showInMiddle(element: Element): void {
    const { height } = element.getBoundingClientRect();
    this.#show(element, Math.max(0, (this.#list.clientHeight - height) / 2));
  }

  showNearTop(element: Element): void {
    this.#show(element, this.#list.clientHeight / 8);
  }

  close(): void {
    this.#ending.abort();
    this.#observer.disconnect();
  }

  #show(element: Element, top: number): void {
    this.#list.scrollTop += this.#topOf(element) - top;
    this.#measure();
  }

  #scrolled(): void {
    this.#measure();
    this.#onMove();
  }

  #measure(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < END_TOLERANCE;
    this.#anchor = this.#isAtEnd ? undefined : this.#findAnchor();
  }

  /** The first element of the content whose end is in sight. */
  #findAnchor(): { readonly element: Element; readonly top: number } | undefined {
    const { children } = this.#content;
    let low = 0;
    let high = children.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const element = children[middle]!;
      if (this.#topOf(element) + element.getBoundingClientRect().height > 0) high = middle;
      else low = middle + 1;
    }
    // A line between messages can disappear, so a message is better.
    let element = children[low];
    while (element?.nextElementSibling && element.tagName !== "ARTICLE") element = element.nextElementSibling;
    return element && { element, top: this.#topOf(element) };
  }

  #topOf(element: Element): number {
    return element.getBoundingClientRect().top - this.#list.getBoundingClientRect().top;
  }
}

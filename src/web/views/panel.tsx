import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { toHash } from "../route.js";
import { texts } from "../texts.js";
import { IconLink } from "./button.js";

/** A column beside a conversation; on narrow screens in its place. */
export function Panel(props: {
  readonly title: string;
  readonly chatId: number;
  readonly children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="panel" aria-labelledby={id}>
      <header class="bar">
        <IconLink icon="close" label={texts.close} href={toHash({ view: "chat", chatId: props.chatId })} />
        <h1 class="bar-title" id={id} tabIndex={-1} data-focus>
          {props.title}
        </h1>
      </header>
      <div class="panel-content">{props.children}</div>
    </section>
  );
}

import type { ComponentChildren, Ref } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly type?: "text" | "password" | "search";
  readonly autoComplete?: string;
  readonly hint?: string | undefined;
  readonly placeholder?: string;
  readonly isRequired?: boolean;
  readonly maxLength?: number;
  readonly isInvalid?: boolean;
  readonly hasFocus?: boolean;
  readonly inputRef?: Ref<HTMLInputElement>;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

/** A line of text with its label. */
export function Field({ label, value, onInput, hint, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={rest.inputRef ?? null}
        type={rest.type ?? "text"}
        value={value}
        autoComplete={rest.autoComplete ?? "off"}
        autoCapitalize="none"
        spellcheck={false}
        autofocus={rest.hasFocus}
        dir="auto"
        placeholder={rest.placeholder}
        required={rest.isRequired}
        maxLength={rest.maxLength}
        aria-invalid={rest.isInvalid}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={rest.onKeyDown}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

/** A switch with its label. */
export function Switch(props: {
  readonly label: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly isDisabled?: boolean;
}) {
  return (
    <label class="switch">
      <span>{props.label}</span>
      <input
        type="checkbox"
        role="switch"
        checked={props.isOn}
        disabled={props.isDisabled}
        onChange={(event) => {
          // The state decides what is shown, not the click.
          event.currentTarget.checked = props.isOn;
          props.onChange(!props.isOn);
        }}
      />
    </label>
  );
}

/** A choice of one of a few values. */
export function Choice<Value extends string>(props: {
  readonly label: string;
  readonly value: Value;
  readonly options: Readonly<Record<Value, string>>;
  readonly onChange: (value: Value) => void;
  readonly isDisabled?: boolean;
}) {
  const id = useId();
  return (
    <div class="choice">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        value={props.value}
        disabled={props.isDisabled}
        onChange={(event) => props.onChange(event.currentTarget.value as Value)}
      >
        {Object.entries<string>(props.options).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A titled part of a view. */
export function Section(props: { readonly title: string; readonly children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <h2 id={id}>{props.title}</h2>
      {props.children}
    </section>
  );
}

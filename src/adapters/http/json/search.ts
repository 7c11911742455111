import { z } from "zod";
import * as field from "./fields.js";
import { messageSchema } from "./message.js";

export const foundMessagesSchema = z
  .object({
    messages: z.array(messageSchema).meta({ description: "The messages that match, newest first." }),
    complete: z.boolean().meta({
      description:
        "False while the server indexes many messages, such as after a start. The pages then have the same messages, and can be shorter.",
      examples: [true],
    }),
    next: field.searchCursor
      .nullable()
      .meta({ description: "The `cursor` of the next page, or null on the last page.", examples: [null] }),
  })
  .meta({ id: "FoundMessages", description: "A page of a search." });

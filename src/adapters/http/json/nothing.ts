import { z } from "zod";

export const nothingSchema = z.object({}).meta({ description: "There is nothing to say." });

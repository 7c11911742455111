import { createClient, type Client, type ClientOptions } from "../../src/client/index.js";
import { freshName, PASSWORD } from "./client.js";

/** A user of the server with a client. */
export interface Person {
  readonly username: string;
  readonly client: Client;
}

/** Registers a user with a fresh name and logs them in. */
export async function arrive(
  url: string,
  stem: string,
  options: Partial<ClientOptions> = {},
): Promise<Person> {
  const person = { username: freshName(stem), client: createClient({ url, ...options }) };
  const credentials = { username: person.username, password: PASSWORD };
  await person.client.registerUser(credentials);
  await person.client.logIn(credentials);
  return person;
}

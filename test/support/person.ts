import { createClient, type Client, type ClientOptions } from "../../src/client/index.js";
import { freshName, PASSWORD } from "./client.js";

/** Somebody who uses the server by its client, as it is meant to be used. */
export interface Person {
  readonly username: string;
  readonly client: Client;
}

/** Somebody new, who has registered under a fresh name and logged in. */
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

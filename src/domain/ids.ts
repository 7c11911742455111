/*
 * The ids of all nouns, in one file that imports nothing, so that nouns can name each other without an import cycle. Outside
 * the domain, import an id from the file of its noun.
 */

/** Opaque, and longer than 32 characters, so that it is never equal to a username. */
export type UserId = string & { readonly userId: true };

/** Identifies a session or a token without giving access to it; its secret gives access. Opaque. */
export type SessionId = string & { readonly sessionId: true };

/** Identifies an invitation without giving access; its code gives access. Opaque. */
export type InvitationId = string & { readonly invitationId: true };

/** A positive integer. */
export type ChatId = number & { readonly chatId: true };

/** A positive integer. A later message of any chat has a greater one. */
export type MessageId = number & { readonly messageId: true };

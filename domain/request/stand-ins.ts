/**
 * Texts in the place of secrets, for a definition that nobody with the scope for secrets has published: its templates could
 * take a secret apart, so that no search would find and hide it. Only secrets that the definition names are there, and one
 * that is a URL stands as a URL, since a request may begin with it.
 */
export function standInSecrets(secrets: Record<string, string>, definition: unknown): Record<string, string> {
  const text = JSON.stringify(definition);
  const named = Object.entries(secrets).filter(([name]) => text.includes(name));
  return Object.fromEntries(
    named.map(([name, value]) => [name, isUrl(value) ? `https://${name}.secret.invalid` : `secret-${name}`]),
  );
}

const isUrl = (text: string) => /^https?:/i.test(text) && URL.canParse(text);

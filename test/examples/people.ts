/** A person of the recipes whose values are like those in the documentation. */
export const mary = {
  name: 'Mary Doe',
  first_name: 'Mary',
  last_name: 'Doe',
  firstName: 'Mary',
  lastName: 'Doe',
  email: 'mary@example.com',
  phone: '+15551234567',
  company_name: 'Acme',
  address_1: '210 King St',
  address_2: 'Apt 4',
  city: 'San Francisco',
  State: 'CA',
  zip: '94107',
  purchases: 3,
  comment: 'Too slow.',
  NPS_rating: 3,
};

/** One with quotes, backslashes, line breaks, markup, Liquid and emoji; `address_2` and `zip` are missing. */
export const zoe = {
  name: `Zoë "Z" O'Neil 😀`,
  first_name: 'Zoë "Z" <b>',
  last_name: "O'Neil\\\n\t😀",
  firstName: '"Zoë"\r\n',
  lastName: "O'Neil\\",
  email: 'zoe+"q"@example.com',
  phone: '+1 (555) & 😀',
  company_name: 'The "A" \\ B\n{{ x }}',
  address_1: '1 "Rue" \\ Été\nBât. 2',
  city: "L'Haÿ 🌹",
  State: '',
  purchases: '3',
  comment: 'No\\n\r\n"good"\u2028👎',
  NPS_rating: 0,
};

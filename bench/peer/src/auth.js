import bcrypt from 'bcryptjs';
import jwt from 'jsonwebtoken';

import { User } from './models.js';

const { JWT_SECRET, JWT_EXPIRES_IN = '1d' } = process.env;

/** Answers `{email, password}` with a token. */
export async function logIn(request, response) {
  const { email, password } = request.body;
  const user = await User.findOne({ email });
  if (!user || !(await bcrypt.compare(password, user.passwordHash))) {
    return response.status(401).json({ message: 'Invalid credentials' });
  }
  const token = jwt.sign({ id: user.id, role: user.role }, JWT_SECRET, {
    expiresIn: JWT_EXPIRES_IN,
  });
  const { id, name, role } = user;
  return response.json({ token, user: { id, name, email: user.email, role } });
}

/** Lets only bearers with one of `roles` pass. The token alone is believed. */
export function allow(...roles) {
  return (request, response, next) => {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    try {
      request.user = jwt.verify(token, JWT_SECRET);
    } catch {
      return response.status(401).json({ message: 'Unauthorized' });
    }
    if (!roles.includes(request.user.role)) {
      return response.status(403).json({ message: 'Forbidden' });
    }
    return next();
  };
}

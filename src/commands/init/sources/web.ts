const servers =
  /(?:^|[\s/])(?:puma|unicorn|thin|rackup|gunicorn|uvicorn|hypercorn|daphne|uwsgi|waitress-serve|php-fpm[\d.]*|apache2|httpd|nginx|caddy|http-server|runserver|next\s+(?:start|dev)|nuxt|rails\s+(?:s|server)|artisan\s+serve|flask\s+run)(?=\s|$)/;

const builders =
  /(?:^|[\s/])(?:vite|webpack(?:-dev-server)?|tailwindcss|rollup|parcel|sass)(?=\s|$)/;

/** Why a process is no worker; undefined if it may be one. */
export function notWorker(name: string, command: string): string | undefined {
  if (/^(?:release|postdeploy|deploy|migrate)$/i.test(name)) return 'it runs once, with a deploy';
  if (/^(?:console|shell)$/i.test(name)) return 'it is for people';
  if (/^web$/i.test(name) || servers.test(command))
    return 'a web process: it serves requests, and two of them cannot share a port';
  if (/^(?:assets?|css|js|vite|webpack(?:er)?)$/i.test(name) || builders.test(command))
    return 'it builds files for development';
  return undefined;
}

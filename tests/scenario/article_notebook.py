"""The code of the article's notebook, cell by cell and to the letter; indentation alone is given back to it.

https://github.com/gbaeke/azure-assistants-api/blob/main/getting-started.ipynb, as printed in the article.
"""

AZURE_CLIENT = """
import os
from dotenv import load_dotenv
from openai import AzureOpenAI
load_dotenv()
# Create Azure OpenAI client
client = AzureOpenAI(
    api_key=os.getenv('AZURE_OPENAI_API_KEY'),
    azure_endpoint=os.getenv('AZURE_OPENAI_ENDPOINT'),
    api_version=os.getenv('AZURE_OPENAI_API_VERSION')
)
"""

OPENAI_CLIENT = """
import os
from dotenv import load_dotenv
from openai import OpenAI
load_dotenv()
client = OpenAI(
    api_key=os.getenv('OPENAI_API_KEY'),
    base_url=os.getenv('OPENAI_BASE_URL')
)
"""

ASSISTANT = '''
assistant = client.beta.assistants.create(
    name="Math Tutor",
    instructions="""You are a math tutor that helps users solve math problems.
    You have access to a sandboxed environment for writing and testing code.
    Explain to the user why you used the code and how it works
    """,
    tools=[{"type": "code_interpreter"}],
    model="gpt-4-preview" # ensure you have a deployment in the region you are using
)
'''

THREAD = """
# Create a thread
thread = client.beta.threads.create()
# print the thread id
print("Thread id: ", thread.id)
"""

QUESTION = """
message = client.beta.threads.messages.create(
    thread_id=thread.id,
    role="user",
    content="Solve the equation y = x^2 + 3 for x = 3 and plot the function graph."
)
# Show the messages
thread_messages = client.beta.threads.messages.list(thread.id)
print(thread_messages.model_dump_json(indent=2))
"""

FOLLOW_UP = """
message = client.beta.threads.messages.create(
    thread_id=thread.id,
    role="user",
    content="Is this a concave function?"
)
"""

RUN = """
run = client.beta.threads.runs.create(
    thread_id=thread.id,
    assistant_id=assistant.id
)
status = run.status
while status not in ["completed", "cancelled", "expired", "failed"]:
    time.sleep(2)
    run = client.beta.threads.runs.retrieve(thread_id=thread.id,run_id=run.id)
    status = run.status
    print(f'Status: {status}')
    clear_output(wait=True)
print(f'Status: {status}')
"""

ANSWER = """
messages = client.beta.threads.messages.list(
    thread_id=thread.id
)
messages_json = json.loads(messages.model_dump_json())
for item in reversed(messages_json['data']):
    # Check the content array
    for content in reversed(item['content']):
        # If there is text in the content array, print it as Markdown
        if 'text' in content:
            display(Markdown(content['text']['value']))
        # If there is an image_file in the content, print the file_id
        if 'image_file' in content:
            file_id = content['image_file']['file_id']
            file_content = client.files.content(file_id)
            # use PIL with the file_content
            img = Image.open(file_content)
            img = img.resize((400, 400))
            display(img)
"""
